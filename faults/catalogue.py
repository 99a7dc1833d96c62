"""Every fault there is: one explicit table."""

from faults.command import Command
from faults.kill import Kill
from faults.power_cut import PowerCut
from faults.poweroff import Poweroff

FAULTS = {"power_cut": PowerCut, "poweroff": Poweroff, "kill": Kill, "command": Command}
