import django.db.models.deletion
from django.db import migrations, models

from portal.isolation import isolate


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0022_two_people'),
        ('transactions', '0009_work_on_receipts'),
    ]

    operations = [
        migrations.CreateModel(
            name='RefundLimit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('OWNER', 'Owner'), ('ADMIN', 'Admin'), ('ACCOUNTANT', 'Accountant'), ('SUPPORT', 'Support agent'), ('CUSTOM', 'Own role')], max_length=12)),
                ('currency', models.CharField(max_length=3)),
                ('most_minor', models.BigIntegerField(null=True)),
                ('alone_minor', models.BigIntegerField(null=True)),
                ('custom_role', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to='merchants.customrole')),
                ('merchant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'role', 'custom_role', 'currency'), name='one_refund_limit_per_role_and_currency', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('role', 'CUSTOM'), ('custom_role', None), _connector='XOR'), name='a_limit_of_a_custom_role_names_it'), models.CheckConstraint(condition=models.Q(('alone_minor__isnull', True), ('most_minor__isnull', True), ('alone_minor__lte', models.F('most_minor')), _connector='OR'), name='alone_is_at_most_all'), models.CheckConstraint(condition=models.Q(('alone_minor', None), ('most_minor', None), _negated=True), name='a_limit_limits')],
            },
        ),
        isolate(
            "transactions_refundlimit",
            "merchant_id = {merchant} and (custom_role_id is null or exists"
            " (select from merchants_customrole r where r.id = custom_role_id))",
        ),
    ]
