package node

// template is the tahoe.cfg of a new node. Create sets its keys, and every one that it may set is in it.
const template = `# The settings of a Tahoe-LAFS node. They are read when the node starts: restart it after a change.
# A line that begins with # is a comment. Write a percent sign in a value twice.

[node]
# What this node is called by others.
nickname =
# Set this to false to refuse to start rather than reveal the address of this machine.
reveal-IP-address = true
# Where the web pages and the web API are. Whoever reaches this port can use the node, so keep it on 127.0.0.1.
# Nothing: no web port.
web.port =
# A folder whose files are shown below /static.
web.static = public_html
# Where others reach this node's storage, and what they are told about that. Both may be "disabled".
tub.port = disabled
tub.location = disabled

[client]
# New files are cut into shares.total shares, of which any shares.needed give the file back. An upload that reaches fewer
# than shares.happy servers fails. A change is for new files; old ones stay readable.
shares.needed = 3
shares.happy = 7
shares.total = 10

[storage]
# Whether this node keeps shares for others.
enabled = true
# How much of the disk to leave free, and where the shares are kept.
reserved_space = 1G
storage_dir = storage

[helper]
enabled = false
`
