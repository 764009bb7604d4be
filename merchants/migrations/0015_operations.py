import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from portal.isolation import isolate

# As of every row of an account: no operation is of another merchant than its account.
ADD = """
    alter table merchants_operation add constraint operation_is_of_its_accounts_merchant
    foreign key (account_id, merchant_id) references merchants_provideraccount (id, merchant_id)
"""
DROP = "alter table merchants_operation drop constraint operation_is_of_its_accounts_merchant"


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0014_keeping_and_services'),
    ]

    operations = [
        migrations.CreateModel(
            name='Operation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('ASSIGN', 'Assign'), ('UNASSIGN', 'Take back'), ('DISCONNECT', 'Sign out the device')], max_length=10)),
                ('state', models.CharField(choices=[('REQUESTED', 'Waits to be sent'), ('SENT', 'Sent'), ('CONFIRMED', 'Done'), ('REFUSED', 'Refused'), ('UNKNOWN', 'Not known yet'), ('WITHDRAWN', 'Withdrawn')], default='REQUESTED', max_length=9)),
                ('subject_kind', models.CharField(max_length=20)),
                ('subject_id', models.BigIntegerField()),
                ('asked', models.JSONField(default=dict)),
                ('key', models.CharField(max_length=100)),
                ('requested_at', models.DateTimeField()),
                ('sent_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('next_at', models.DateTimeField(default=django.utils.timezone.now, null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('looks', models.PositiveSmallIntegerField(default=0)),
                ('message', models.CharField(blank=True, max_length=500)),
                ('evidence', models.JSONField(default=list)),
                ('account', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.provideraccount')),
                ('merchant', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state__in', ('REQUESTED', 'SENT', 'UNKNOWN'))), fields=['account', 'id'], name='open_operation_by_account'), models.Index(fields=['merchant', 'subject_kind', 'subject_id', 'id'], name='operation_by_subject')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ('REQUESTED', 'SENT', 'UNKNOWN'))), fields=('subject_kind', 'subject_id'), name='one_open_operation_per_subject'), models.UniqueConstraint(fields=('merchant', 'key'), name='one_operation_per_key'), models.CheckConstraint(condition=models.Q(('state__in', ('CONFIRMED', 'REFUSED', 'WITHDRAWN')), ('finished_at', None), _connector='XOR'), name='only_an_open_operation_has_no_end'), models.CheckConstraint(condition=models.Q(('state', 'REQUESTED'), ('state', 'WITHDRAWN'), ('sent_at__isnull', False), _connector='OR'), name='what_was_sent_has_a_time')],
            },
        ),
        migrations.RunSQL(ADD, DROP),
        isolate("merchants_operation"),
    ]
