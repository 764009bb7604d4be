import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from portal.isolation import isolate


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0020_receipts_can_be_checked'),
        ('transactions', '0008_rows_are_their_merchants'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='IssuedReceipt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount_minor', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3)),
                ('issued_at', models.DateTimeField()),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('merchant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
                ('transaction', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='issued', to='transactions.transaction')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('transaction', 'amount_minor', 'currency'), name='one_receipt_in_force_per_amount')],
            },
        ),
        migrations.CreateModel(
            name='Note',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('text', models.CharField(blank=True, max_length=2000)),
                ('case', models.CharField(blank=True, max_length=100)),
                ('tag', models.CharField(blank=True, max_length=40)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('merchant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
                ('transaction', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='transactions.transaction')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('tag', ''), _negated=True), fields=['merchant', 'tag'], name='note_by_tag'), models.Index(condition=models.Q(('case', ''), _negated=True), fields=['merchant', 'case'], name='note_by_case')],
                'constraints': [models.CheckConstraint(condition=models.Q(('case', ''), ('tag', ''), ('text', ''), _negated=True), name='a_note_says_something')],
            },
        ),
        migrations.CreateModel(
            name='SharedReceipt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.BinaryField(max_length=32, unique=True)),
                ('made_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(null=True)),
                ('mailed', models.BooleanField(default=False)),
                ('opened', models.IntegerField(default=0)),
                ('opened_at', models.DateTimeField(null=True)),
                ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('merchant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
                ('transaction', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shared', to='transactions.transaction')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('made_at'))), name='a_shared_receipt_ends')],
            },
        ),
        *(
            isolate(
                f"transactions_{name}",
                "merchant_id = {merchant} and exists"
                " (select from transactions_transaction t where t.id = transaction_id)",
            )
            for name in ("issuedreceipt", "note", "sharedreceipt")
        ),
    ]
