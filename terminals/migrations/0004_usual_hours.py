from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

# How many whole usual hours lie between a terminal's last sale and a moment, of the last seven
# days. For each of them the hours' bits are cut to those after the one and before the other.
PASSED = """
create function terminals_usual_hours_passed(
    usual integer[], last timestamptz, moment timestamptz, zone text
) returns integer language sql stable parallel safe as $$
    select sum(bit_count((
        usual[extract(isodow from day)::integer]
        & case when ago = 0 then (1 << extract(hour from moment at time zone zone)::integer) - 1
            else (1 << 24) - 1 end
        & case when day > seen::date then (1 << 24) - 1
            when day = seen::date then ~((2 << extract(hour from seen)::integer) - 1)
            else 0 end
    )::bit(24)))::integer
    from generate_series(0, 6) ago,
        lateral (select last at time zone zone) s (seen),
        lateral (select (moment at time zone zone)::date - ago) d (day)
$$
"""


class Migration(migrations.Migration):
    dependencies = [("terminals", "0003_people_by_name")]

    operations = [
        migrations.AddField(
            "terminal", "usual_hours", ArrayField(models.IntegerField(), null=True, size=7)
        ),
        migrations.AddField("terminal", "hours_told_at", models.DateTimeField(null=True)),
        migrations.RunSQL(
            PASSED,
            "drop function terminals_usual_hours_passed(integer[], timestamptz, timestamptz, text)",
        ),
    ]
