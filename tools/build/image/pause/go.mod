module hotstandby.paia.tech/tools/build/image/pause

go 1.26
