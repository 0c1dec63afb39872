"""Databases of the local cloud: each RDS instance of MySQL or MariaDB is a MariaDB process of its own.

package.py   where MariaDB comes from
settings.py  a parameter group as MariaDB's options
server.py    one MariaDB process and its data folder
instance.py  one RDS instance: its server, the door to it, and what it does by itself
journals.py  the server's log files as log events
measures.py  what CloudWatch is told each minute
"""
