import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Testing } from 'cdk8s';
import { Rooms } from './rooms';

test('three rooms are kept idle, twenty is the most', () => {
  const manifests = Testing.synth(new Rooms(Testing.app(), 'rooms'));

  const [rooms] = manifests.filter(({ kind }) => kind === 'HotStandbyDeployment');

  assert.equal(rooms.spec.idleTarget, 3);
  assert.equal(rooms.spec.maxReplicas, 20);
  assert.equal(rooms.spec.podTemplate.spec.containers[0].image, 'ghcr.io/acme/room:1');
});
