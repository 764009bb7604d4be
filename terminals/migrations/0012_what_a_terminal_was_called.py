import django.db.models.deletion
from django.db import migrations, models

from portal.isolation import isolate


ADD = """
alter table terminals_alias add constraint terminals_alias_is_its_accounts
    foreign key (account_id, merchant_id) references merchants_provideraccount (id, merchant_id)
"""
DROP = "alter table terminals_alias drop constraint terminals_alias_is_its_accounts"


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0027_stores_and_final_gaps'),
        ('terminals', '0011_people_and_terminals_by_words'),
    ]

    operations = [
        migrations.CreateModel(
            name='Alias',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ref', models.CharField(max_length=200)),
                ('until_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='terminal',
            name='look_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='terminal',
            name='looked_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='terminal',
            index=models.Index(fields=['account', 'look_at'], name='terminal_by_look'),
        ),
        migrations.AddField(
            model_name='alias',
            name='account',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.provideraccount'),
        ),
        migrations.AddField(
            model_name='alias',
            name='merchant',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant'),
        ),
        migrations.AddField(
            model_name='alias',
            name='terminal',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='aliases', to='terminals.terminal'),
        ),
        migrations.AddConstraint(
            model_name='alias',
            constraint=models.UniqueConstraint(fields=('account', 'ref'), name='one_alias_per_account_and_ref'),
        ),
        migrations.RunSQL(ADD, DROP),
        isolate("terminals_alias"),
    ]
