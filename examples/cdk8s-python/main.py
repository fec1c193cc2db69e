"""`cdk8s synth`, or `python main.py`, writes dist/rooms.k8s.yaml."""

from cdk8s import App

from rooms import Rooms

app = App()
Rooms(app, "rooms")
app.synth()
