module hotstandby.paia.tech/test/cluster/real/pause

go 1.26
