import { App } from 'cdk8s';
import { Rooms } from './rooms';

const app = new App();
new Rooms(app, 'rooms');
app.synth();
