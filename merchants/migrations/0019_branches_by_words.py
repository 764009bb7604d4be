from django.db import migrations

from portal.folding import words_column


class Migration(migrations.Migration):
    dependencies = [("merchants", "0018_alerts")]
    operations = [
        migrations.AddField("branch", "words", words_column("name", "name_ar")),
    ]
