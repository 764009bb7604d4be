"""Terminals."""

from django.urls import path

from terminals import views

app_name = "terminals"
urlpatterns = [
    path("", views.list_, name="list"),
    path("<int:pk>/", views.detail, name="detail"),
    path("people/", views.people, name="people"),
    path("people/<int:pk>/", views.person, name="person"),
    path("people/<int:pk>/reveal/", views.reveal, name="reveal"),
    path("people/<int:pk>/erase/", views.erase, name="erase"),
]
