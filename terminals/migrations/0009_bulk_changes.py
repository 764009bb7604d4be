import django.db.models.deletion
from django.db import migrations, models

from portal.isolation import isolate


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0017_drift'),
        ('terminals', '0008_agreed_at'),
    ]

    operations = [
        migrations.CreateModel(
            name='BulkChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('ASSIGN', 'Assign'), ('UNASSIGN', 'Take back'), ('DISCONNECT', 'Sign out the device'), ('CREATE_BRANCH', 'Open a branch'), ('CREATE_TERMINAL', 'Make a terminal'), ('OPEN_SESSION', 'Ask for a payment'), ('RECONCILE', 'Reconcile')], max_length=16)),
                ('title', models.CharField(max_length=200)),
                ('state', models.CharField(choices=[('DRAFT', 'To be checked'), ('RUNNING', 'Running'), ('STOPPED', 'Stopped'), ('DONE', 'Done')], default='DRAFT', max_length=7)),
                ('header', models.JSONField(default=list)),
                ('columns', models.JSONField(default=dict)),
                ('key', models.CharField(max_length=100)),
                ('made_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('said', models.CharField(blank=True, max_length=300)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.membership')),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
            ],
        ),
        migrations.CreateModel(
            name='BulkRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('BAD', 'Wrong'), ('WAITING', 'Waits'), ('ASKED', 'Asked'), ('DONE', 'Done'), ('FAILED', 'Failed')], default='WAITING', max_length=7)),
                ('cells', models.JSONField(default=list)),
                ('asked', models.JSONField(default=dict)),
                ('said', models.CharField(blank=True, max_length=500)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('change', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rows', to='terminals.bulkchange')),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
                ('operation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.operation')),
                ('terminal', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='terminals.terminal')),
            ],
        ),
        migrations.AddIndex(
            model_name='bulkchange',
            index=models.Index(fields=['merchant', '-id'], name='bulk_change_newest'),
        ),
        migrations.AddIndex(
            model_name='bulkchange',
            index=models.Index(condition=models.Q(('state__in', ('RUNNING', 'STOPPED'))), fields=['id'], name='bulk_change_on'),
        ),
        migrations.AddConstraint(
            model_name='bulkchange',
            constraint=models.UniqueConstraint(fields=('merchant', 'key'), name='one_bulk_change_per_key'),
        ),
        migrations.AddIndex(
            model_name='bulkrow',
            index=models.Index(fields=['change', 'state', 'position'], name='bulk_row_by_state'),
        ),
        migrations.AddConstraint(
            model_name='bulkrow',
            constraint=models.UniqueConstraint(fields=('change', 'position'), name='one_bulk_row_per_place'),
        ),
        migrations.AddConstraint(
            model_name='bulkrow',
            constraint=models.CheckConstraint(condition=models.Q(('terminal__isnull', False), ('state__in', ('BAD', 'WAITING')), _connector='OR'), name='a_row_without_a_terminal_is_not_asked_for'),
        ),
        isolate("terminals_bulkchange"),
        isolate("terminals_bulkrow"),
    ]
