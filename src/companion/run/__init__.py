"""Plan, execute, report; knows no physics."""
