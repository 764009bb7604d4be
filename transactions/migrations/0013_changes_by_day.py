from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0026_letters_that_failed'),
        ('transactions', '0012_late_and_changed'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='change',
            index=models.Index(fields=['branch', 'day'], name='change_by_branch_day'),
        ),
        migrations.AddIndex(
            model_name='change',
            index=models.Index(fields=['branch_before', 'day_before'], name='change_by_day_before'),
        ),
    ]
