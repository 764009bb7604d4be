import django.db.models.deletion
from django.db import migrations, models

from portal.isolation import isolate


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('merchants', '0023_days_are_moved'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReportRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('report', models.CharField(max_length=40)),
                ('form', models.CharField(choices=[('csv', 'CSV'), ('xlsx', 'XLSX'), ('jsonl', 'JSON lines'), ('pdf', 'PDF')], max_length=5)),
                ('wish', models.JSONField(default=dict)),
                ('state', models.CharField(choices=[('WAITING', 'Waiting'), ('RUNNING', 'Being made'), ('DONE', 'Done'), ('FAILED', 'Failed'), ('CANCELLED', 'Cancelled')], default='WAITING', max_length=9)),
                ('asked_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('rows', models.BigIntegerField(null=True)),
                ('done_rows', models.BigIntegerField(default=0)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('problem', models.CharField(blank=True, max_length=500)),
                ('file', models.CharField(blank=True, max_length=200)),
                ('size', models.BigIntegerField(null=True)),
                ('digest', models.CharField(blank=True, max_length=64)),
                ('manifest', models.JSONField(default=dict)),
                ('seen', models.JSONField(default=dict)),
                ('member', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='report_runs', to='merchants.membership')),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(fields=['member', '-id'], name='report_run_of_member'), models.Index(condition=models.Q(('state__in', ('WAITING', 'RUNNING'))), fields=['id'], name='open_report_run'), models.Index(condition=models.Q(('digest', ''), _negated=True), fields=['digest'], name='report_run_by_digest')],
                'constraints': [models.CheckConstraint(condition=models.Q(('file', ''), ('state', 'DONE'), _connector='OR'), name='only_a_whole_file_is_offered'), models.CheckConstraint(condition=models.Q(('state__in', ('WAITING', 'RUNNING')), ('finished_at__isnull', False), _connector='XOR'), name='only_an_open_report_has_no_end')],
            },
        ),
        isolate("reports_reportrun"),
    ]
