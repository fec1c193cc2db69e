import { specSchema } from '../../../src/api/schema';
import { schemaErrors } from './schema-errors';

const VALID = {
  idleTarget: 3,
  selector: { matchLabels: { app: 'rooms' } },
  podTemplate: { spec: { containers: [{ name: 'app', image: 'app:1' }] } },
};

describe('schemaErrors', () => {
  it('accepts a valid spec', () => {
    expect(schemaErrors(specSchema, VALID)).toEqual([]);
  });

  it.each([
    ['a required field has no value', { idleTarget: undefined }, 'spec.idleTarget: not of type integer'],
    ['a field is unknown', { idelTarget: 3 }, 'spec.idelTarget: unknown field'],
    ['a number is out of bounds', { maxReplicas: 0 }, 'spec.maxReplicas: 0 is not from 1 to 1000000'],
    ['a value is not of the list', { busyProbe: { mode: 'grpc' } }, 'spec.busyProbe.mode: not one of annotation, http'],
    [
      'a nested type is wrong',
      { busyProbe: { http: { port: '80' } } },
      'spec.busyProbe.http.port: not of type integer',
    ],
    [
      'a list is too short',
      { podTemplate: { spec: { containers: [] } } },
      'spec.podTemplate.spec.containers: fewer than 1 items',
    ],
  ])('complains when %s', (_, change, error) => {
    expect(schemaErrors(specSchema, { ...VALID, ...change })).toEqual([error]);
  });

  it('complains about a required field that is not there', () => {
    const { idleTarget: _, ...rest } = VALID;
    expect(schemaErrors(specSchema, rest)).toEqual(['spec.idleTarget: missing']);
  });
});
