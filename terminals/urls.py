"""Terminals."""

from django.urls import path

from terminals.views import bulk, differences, making, operations, paper
from terminals.views import fleet as views

app_name = "terminals"
urlpatterns = [
    path("", views.list_, name="list"),
    path("new/", making.new_terminal, name="new"),
    path("add/", making.add, name="add"),
    path("new-branch/", making.new_branch, name="new-branch"),
    path("many/", bulk.many, name="many"),
    path("many/template/", bulk.template, name="template"),
    path("many/choose/", bulk.choose, name="choose"),
    path("many/<int:pk>/", bulk.change, name="change"),
    path("many/<int:pk>/columns/", bulk.columns, name="columns"),
    path("many/<int:pk>/start/", bulk.start, name="start"),
    path("many/<int:pk>/stop/", bulk.stop, name="stop"),
    path("many/<int:pk>/again/", bulk.again, name="again"),
    path("many/<int:pk>/failed/", bulk.failed, name="failed"),
    path("people/<int:pk>/off-board/", bulk.off_board, name="off-board"),
    path("operations/", operations.list_, name="all-operations"),
    path("operations/<int:pk>/", operations.operation, name="operation"),
    path("differences/", differences.list_, name="differences"),
    path("differences/<int:pk>/", differences.difference, name="difference"),
    path("differences/<int:pk>/take/", differences.take, name="take"),
    path("differences/<int:pk>/push/", differences.push, name="push"),
    path("differences/<int:pk>/leave/", differences.leave, name="leave-alone"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/assign/", views.assign, name="assign"),
    path("<int:pk>/unassign/", views.unassign, name="unassign"),
    path("<int:pk>/disconnect/", views.disconnect, name="disconnect"),
    path("<int:pk>/point/", views.point, name="point"),
    path("<int:pk>/operations/", views.operations, name="operations"),
    path("<int:pk>/operations/withdraw/", views.withdraw, name="withdraw"),
    path("<int:pk>/operations/decide/", views.decide, name="decide"),
    path("<int:pk>/words/", paper.describe, name="describe"),
    path("report/", paper.report, name="report"),
    path("people/<int:pk>/sheet/", paper.sheet, name="sheet"),
    path("<int:pk>/holders/", views.holders, name="holders"),
    path("people/", views.people, name="people"),
    path("people/<int:pk>/", views.person, name="person"),
    path("people/<int:pk>/reveal/", views.reveal, name="reveal"),
    path("people/<int:pk>/erase/", views.erase, name="erase"),
]
