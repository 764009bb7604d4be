import django.db.models.deletion
from django.db import migrations, models

from portal.isolation import isolate


ADD = """
alter table transactions_following add constraint transactions_following_is_its_accounts
    foreign key (account_id, merchant_id) references merchants_provideraccount (id, merchant_id)
"""
DROP = "alter table transactions_following drop constraint transactions_following_is_its_accounts"


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0027_stores_and_final_gaps'),
        ('terminals', '0012_what_a_terminal_was_called'),
        ('transactions', '0013_changes_by_day'),
    ]

    operations = [
        migrations.CreateModel(
            name='Following',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ref', models.CharField(max_length=200)),
                ('next_at', models.DateTimeField()),
                ('asks', models.PositiveIntegerField(db_default=0, default=0)),
            ],
        ),
        migrations.AddField(
            model_name='transaction',
            name='sale_ref',
            field=models.CharField(max_length=200, null=True),
        ),
        migrations.AlterField(
            model_name='daytotal',
            name='scheme',
            field=models.CharField(choices=[('MADA', 'mada'), ('VISA', 'Visa'), ('VISA_DEBIT', 'Visa Debit'), ('MASTERCARD', 'Mastercard'), ('MAESTRO', 'Maestro'), ('AMEX', 'American Express'), ('UNIONPAY', 'UnionPay'), ('JCB', 'JCB'), ('DISCOVER', 'Discover'), ('GCCNET', 'GCCNET'), ('WALLET', 'Wallet'), ('UNMAPPED', 'Unmapped scheme')], max_length=12),
        ),
        migrations.AlterField(
            model_name='transaction',
            name='scheme',
            field=models.CharField(choices=[('MADA', 'mada'), ('VISA', 'Visa'), ('VISA_DEBIT', 'Visa Debit'), ('MASTERCARD', 'Mastercard'), ('MAESTRO', 'Maestro'), ('AMEX', 'American Express'), ('UNIONPAY', 'UnionPay'), ('JCB', 'JCB'), ('DISCOVER', 'Discover'), ('GCCNET', 'GCCNET'), ('WALLET', 'Wallet'), ('UNMAPPED', 'Unmapped scheme')], max_length=10),
        ),
        migrations.AddField(
            model_name='following',
            name='account',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.provideraccount'),
        ),
        migrations.AddField(
            model_name='following',
            name='merchant',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant'),
        ),
        migrations.AddIndex(
            model_name='following',
            index=models.Index(fields=['account', 'next_at'], name='following_by_time'),
        ),
        migrations.AddConstraint(
            model_name='following',
            constraint=models.UniqueConstraint(fields=('account', 'ref'), name='one_following_per_account_and_ref'),
        ),
        migrations.RunSQL(ADD, DROP),
        isolate("transactions_following"),
    ]
