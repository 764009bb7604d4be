from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # A large table: its index keeps nobody from it while it is made.
    atomic = False

    dependencies = [
        ('merchants', '0028_payments_in_steps'),
        ('terminals', '0013_payments_in_steps'),
        ('transactions', '0015_wallets'),
    ]

    operations = [
        migrations.AddField(
            model_name='following',
            name='kind',
            field=models.CharField(choices=[('PURCHASE', 'Purchase'), ('REFUND', 'Refund'), ('OTHER', 'Other')], db_default='PURCHASE', default='PURCHASE', max_length=8),
        ),
        AddIndexConcurrently(
            model_name='transaction',
            index=models.Index(condition=models.Q(('status__in', ('PENDING', 'AUTHORISED'))), fields=['merchant', 'occurred_at'], name='txn_not_over'),
        ),
    ]
