import django.db.models.deletion
from django.db import migrations, models

from portal.isolation import isolate


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0025_closing_is_a_right'),
        ('transactions', '0011_rows_are_smaller'),
    ]

    operations = [
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('currency', models.CharField(max_length=3)),
                ('day_before', models.DateField(null=True)),
                ('kind_before', models.CharField(max_length=8, null=True)),
                ('status_before', models.CharField(max_length=10, null=True)),
                ('captured_before', models.BigIntegerField(null=True)),
                ('day', models.DateField()),
                ('kind', models.CharField(max_length=8)),
                ('status', models.CharField(max_length=10)),
                ('captured', models.BigIntegerField(null=True)),
                ('branch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.branch')),
                ('branch_before', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.branch')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
                ('transaction', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='transactions.transaction')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', 'at', 'id'], name='change_by_time'), models.Index(fields=['transaction', 'id'], name='change_by_transaction')],
            },
        ),
        isolate("transactions_change"),
    ]
