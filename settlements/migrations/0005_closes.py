import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from portal.isolation import isolate


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0025_closing_is_a_right'),
        ('settlements', '0004_rows_are_their_merchants'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Document',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('CLOSE', 'Close'), ('ADJUSTMENT', 'Adjustment'), ('REOPENING', 'Opened again')], max_length=10)),
                ('span', models.CharField(choices=[('DAY', 'Day'), ('MONTH', 'Month')], max_length=5)),
                ('since', models.DateField()),
                ('until', models.DateField()),
                ('made_at', models.DateTimeField()),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('rows', models.BigIntegerField()),
                ('standing', models.JSONField(default=dict)),
                ('manifest', models.JSONField()),
                ('digest', models.CharField(max_length=64)),
                ('branch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='merchants.branch')),
                ('made_by', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
            ],
        ),
        migrations.CreateModel(
            name='ClosedRow',
            fields=[
                ('pk', models.CompositePrimaryKey('document_id', 'position', blank=True, editable=False, primary_key=True, serialize=False)),
                ('position', models.IntegerField()),
                ('what', models.CharField(choices=[('FROZEN', 'As closed'), ('LATE', 'Came late'), ('CHANGED', 'Changed'), ('GONE', 'Not of this day any more')], max_length=7)),
                ('transaction_id', models.BigIntegerField()),
                ('account_id', models.BigIntegerField()),
                ('ref', models.CharField(max_length=200)),
                ('kind', models.CharField(max_length=8)),
                ('status', models.CharField(max_length=10)),
                ('scheme', models.CharField(max_length=10)),
                ('currency', models.CharField(max_length=3)),
                ('amount_minor', models.BigIntegerField()),
                ('captured_minor', models.BigIntegerField(null=True)),
                ('occurred_at', models.DateTimeField()),
                ('sales', models.SmallIntegerField()),
                ('sales_minor', models.BigIntegerField()),
                ('refunds', models.SmallIntegerField()),
                ('refunds_minor', models.BigIntegerField()),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
                ('document', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='closed_rows', to='settlements.document')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddIndex(
            model_name='document',
            index=models.Index(fields=['merchant', 'since', 'branch'], name='document_by_day'),
        ),
        migrations.AddIndex(
            model_name='document',
            index=models.Index(fields=['digest'], name='document_by_digest'),
        ),
        migrations.AddConstraint(
            model_name='document',
            constraint=models.UniqueConstraint(fields=('branch', 'number'), name='one_document_per_place_in_a_chain'),
        ),
        migrations.AddConstraint(
            model_name='document',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ('CLOSE', 'ADJUSTMENT', 'REOPENING')), ('span__in', ('DAY', 'MONTH'))), name='document_words_are_ours'),
        ),
        migrations.AddConstraint(
            model_name='document',
            constraint=models.CheckConstraint(condition=models.Q(('since__lt', models.F('until'))), name='closed_days_are_some'),
        ),
        isolate("settlements_document"),
        isolate("settlements_closedrow"),
    ]
