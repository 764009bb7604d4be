import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from portal.isolation import isolate


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0025_closing_is_a_right'),
        ('reports', '0001_first'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Destination',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('host', models.CharField(max_length=253)),
                ('port', models.PositiveIntegerField(default=22, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(65535)])),
                ('username', models.CharField(max_length=100)),
                ('host_key', models.CharField(max_length=2000)),
                ('folder', models.CharField(blank=True, max_length=200)),
                ('sealed', models.BinaryField(null=True)),
                ('made_at', models.DateTimeField()),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
            ],
        ),
        migrations.CreateModel(
            name='Layout',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('report', models.CharField(max_length=40)),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('version', models.PositiveIntegerField(default=1)),
                ('columns', models.JSONField()),
                ('changed_at', models.DateTimeField()),
                ('changed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
            ],
        ),
        migrations.CreateModel(
            name='Schedule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('report', models.CharField(max_length=40)),
                ('form', models.CharField(choices=[('csv', 'CSV'), ('xlsx', 'XLSX'), ('jsonl', 'JSON lines'), ('pdf', 'PDF')], max_length=5)),
                ('wish', models.JSONField(default=dict)),
                ('rhythm', models.CharField(choices=[('DAILY', 'Daily'), ('WEEKLY', 'Weekly'), ('MONTHLY', 'Monthly')], max_length=7)),
                ('weekday', models.PositiveSmallIntegerField(null=True)),
                ('day', models.PositiveSmallIntegerField(null=True)),
                ('hour', models.PositiveSmallIntegerField()),
                ('zone', models.CharField(max_length=64)),
                ('way', models.CharField(choices=[('KEPT', 'Kept here and in the API'), ('LINK', 'By mail, as a link'), ('ATTACHED', 'By mail, attached'), ('SFTP', 'To an SFTP server')], max_length=8)),
                ('patience', models.PositiveSmallIntegerField(default=6)),
                ('made_at', models.DateTimeField()),
                ('paused_at', models.DateTimeField(null=True)),
                ('next_at', models.DateTimeField()),
                ('destination', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='reports.destination')),
                ('member', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='schedules', to='merchants.membership')),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
                ('recipients', models.ManyToManyField(blank=True, related_name='+', to='merchants.membership')),
            ],
        ),
        migrations.CreateModel(
            name='PlannedRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateField()),
                ('until', models.DateField()),
                ('due_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('WAITING', 'Waits for complete rows'), ('MAKING', 'Being made'), ('SENDING', 'On its way'), ('DONE', 'Delivered'), ('FAILED', 'Failed')], default='WAITING', max_length=7)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
                ('run', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='planned', to='reports.reportrun')),
                ('schedule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='reports.schedule')),
            ],
        ),
        migrations.AddConstraint(
            model_name='destination',
            constraint=models.UniqueConstraint(fields=('merchant', 'name'), name='one_destination_per_name'),
        ),
        migrations.AddConstraint(
            model_name='layout',
            constraint=models.UniqueConstraint(fields=('merchant', 'report', 'name'), name='one_layout_per_report_and_name'),
        ),
        migrations.AddIndex(
            model_name='schedule',
            index=models.Index(condition=models.Q(('paused_at', None)), fields=['next_at'], name='schedule_by_next_time'),
        ),
        migrations.AddIndex(
            model_name='schedule',
            index=models.Index(fields=['member', '-id'], name='schedule_of_member'),
        ),
        migrations.AddConstraint(
            model_name='schedule',
            constraint=models.CheckConstraint(condition=models.Q(('way', 'SFTP'), ('destination', None), _connector='XOR'), name='only_sftp_has_a_destination'),
        ),
        migrations.AddConstraint(
            model_name='schedule',
            constraint=models.CheckConstraint(condition=models.Q(('hour__lt', 24), models.Q(('weekday', None), ('weekday__lt', 7), _connector='OR'), models.Q(('day', None), models.Q(('day__gte', 1), ('day__lte', 28)), _connector='OR')), name='a_schedule_has_a_time'),
        ),
        migrations.AddIndex(
            model_name='plannedrun',
            index=models.Index(condition=models.Q(('state__in', ('WAITING', 'MAKING', 'SENDING'))), fields=['next_try_at'], name='open_planned_run'),
        ),
        migrations.AddConstraint(
            model_name='plannedrun',
            constraint=models.UniqueConstraint(fields=('schedule', 'since', 'until'), name='one_planned_run_per_period'),
        ),
        migrations.AddConstraint(
            model_name='plannedrun',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ('DONE', 'FAILED')), ('ended_at', None), _connector='XOR'), name='only_an_ended_planned_run_has_an_end'),
        ),
        isolate("reports_layout"),
        isolate("reports_destination"),
        isolate("reports_schedule"),
        isolate("reports_plannedrun"),
        isolate(
            "reports_schedule_recipients",
            "exists (select from reports_schedule s where s.id = schedule_id)",
        ),
    ]
