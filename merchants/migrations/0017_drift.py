import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from portal.isolation import isolate

# As of every row of an account: no drift is of another merchant than its account.
ADD = """
    alter table merchants_drift add constraint drift_is_of_its_accounts_merchant
    foreign key (account_id, merchant_id) references merchants_provideraccount (id, merchant_id)
"""
DROP = "alter table merchants_drift drop constraint drift_is_of_its_accounts_merchant"


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0016_operations_that_make'),
    ]

    operations = [
        migrations.CreateModel(
            name='Drift',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject_kind', models.CharField(max_length=20)),
                ('subject_id', models.BigIntegerField()),
                ('field', models.CharField(choices=[('HOLDER', 'Held by'), ('BRANCH', 'Branch'), ('NAME', 'Name'), ('NAME_AR', 'Name in Arabic'), ('REFERENCE', 'Reference'), ('MOBILE', 'Mobile'), ('EMAIL', 'E-mail'), ('GONE', 'Whether it is there')], max_length=9)),
                ('agreed', models.JSONField(null=True)),
                ('theirs', models.JSONField(null=True)),
                ('found_at', models.DateTimeField()),
                ('ignored_until', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('ending', models.CharField(blank=True, choices=[('TAKEN', 'Theirs was taken'), ('PUSHED', 'Ours was pushed'), ('BACK', 'They agree again')], max_length=6)),
                ('account', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.provideraccount')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('merchant', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
                ('operation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.operation')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('ended_at', None)), fields=['merchant', 'id'], name='open_drift_of_merchant'), models.Index(fields=['merchant', 'subject_kind', 'subject_id', 'id'], name='drift_by_subject')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('account', 'subject_kind', 'subject_id', 'field'), name='one_open_drift_per_field'), models.CheckConstraint(condition=models.Q(('ended_at', None), models.Q(('ending', ''), _negated=True), _connector='XOR'), name='only_an_open_drift_has_no_ending')],
            },
        ),
        migrations.RunSQL(ADD, DROP),
        isolate("merchants_drift"),
    ]
