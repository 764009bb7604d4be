import django.db.models.deletion
from django.db import migrations, models

from portal.isolation import isolate


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0017_drift'),
    ]

    operations = [
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule', models.CharField(choices=[('SILENT', 'Silent in its usual hours'), ('BEHIND', 'Usually sells by now, and has not today'), ('DISCONNECTED', 'Disconnected'), ('UNASSIGNED', 'Held by nobody, and selling'), ('IDLE', 'Held by somebody, and silent for days'), ('OPEN', 'Sold yesterday and not reconciled'), ('NAMESAKE', 'Two branches with one Arabic name'), ('DRIFT', 'The provider says otherwise'), ('STUCK', 'Nobody knows what became of what was asked')], max_length=12)),
                ('subject_kind', models.CharField(max_length=20)),
                ('subject_id', models.BigIntegerField()),
                ('facts', models.JSONField(default=dict)),
                ('found_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('branch', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='merchants.branch')),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', 'rule', 'subject_kind', 'subject_id', '-id'], name='alert_by_thing')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('merchant', 'rule', 'subject_kind', 'subject_id'), name='one_open_alert_per_thing')],
            },
        ),
        migrations.CreateModel(
            name='AlertChoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule', models.CharField(choices=[('SILENT', 'Silent in its usual hours'), ('BEHIND', 'Usually sells by now, and has not today'), ('DISCONNECTED', 'Disconnected'), ('UNASSIGNED', 'Held by nobody, and selling'), ('IDLE', 'Held by somebody, and silent for days'), ('OPEN', 'Sold yesterday and not reconciled'), ('NAMESAKE', 'Two branches with one Arabic name'), ('DRIFT', 'The provider says otherwise'), ('STUCK', 'Nobody knows what became of what was asked')], max_length=12)),
                ('way', models.CharField(choices=[('NONE', 'Not at all'), ('PORTAL', 'In the portal'), ('MAIL', 'In the portal and by mail')], max_length=6)),
                ('membership', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alert_choices', to='merchants.membership')),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('membership', 'rule'), name='one_choice_per_rule')],
            },
        ),
        isolate("merchants_alert"),
        isolate("merchants_alertchoice"),
    ]
