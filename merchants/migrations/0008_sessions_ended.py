from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0007_trail'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='sessions_ended',
            field=models.PositiveIntegerField(default=0),
        ),
    ]
