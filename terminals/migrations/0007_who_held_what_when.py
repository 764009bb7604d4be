import django.db.models.deletion
from django.db import migrations, models

from portal.isolation import isolate

# As of every row of an account: no holding is of another merchant than its account.
ADD = """
    alter table terminals_holding add constraint holding_is_of_its_accounts_merchant
    foreign key (account_id, merchant_id) references merchants_provideraccount (id, merchant_id)
"""
DROP = "alter table terminals_holding drop constraint holding_is_of_its_accounts_merchant"
# What is known today is the ledger's beginning; the times before it are not known.
BEGIN = """
    insert into terminals_holding
        (merchant_id, account_id, terminal_id, terminal_user_id, since_at, learned_at)
    select merchant_id, account_id, id, terminal_user_id, learned_at, learned_at
    from terminals_terminal where ref is not null
"""


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0015_operations'),
        ('terminals', '0006_people_can_be_forgotten'),
    ]

    operations = [
        migrations.CreateModel(
            name='Holding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since_at', models.DateTimeField()),
                ('provider_at', models.DateTimeField(null=True)),
                ('learned_at', models.DateTimeField()),
                ('let_go_at', models.DateTimeField(null=True)),
                ('account', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.provideraccount')),
                ('merchant', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
                ('operation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.operation')),
                ('terminal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='holdings', to='terminals.terminal')),
                ('terminal_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='holdings', to='terminals.terminaluser')),
            ],
            options={
                'indexes': [models.Index(models.F('terminal'), models.OrderBy(models.F('since_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='holding_by_terminal'), models.Index(fields=['terminal_user', 'since_at'], name='holding_by_person')],
                'constraints': [models.CheckConstraint(condition=models.Q(('let_go_at', None), ('terminal_user', None), _connector='OR'), name='who_was_let_go_is_not_named')],
            },
        ),
        migrations.RunSQL(ADD, DROP),
        isolate("terminals_holding"),
        migrations.RunSQL(BEGIN, migrations.RunSQL.noop),
    ]
