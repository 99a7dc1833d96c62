"""What pyinfra runs first when it is started in this folder."""

from firedrill.deploy import command_line

command_line.watch()
