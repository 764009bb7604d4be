from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("merchants", "0019_branches_by_words")]
    operations = [
        migrations.AddField(
            "merchant", "answers_checks", models.BooleanField(default=True, db_default=True)
        ),
    ]
