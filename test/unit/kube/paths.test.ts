import { paths, resourceOf } from '../../../operator/kube/paths';

describe('paths', () => {
  const hsds = '/apis/apps.paia.tech/v1alpha1';
  const cases: [string, string, string][] = [
    [paths.hsds.list(), `${hsds}/hotstandbydeployments`, 'hotstandbydeployments'],
    [
      paths.hsds.one('n', 'a', 'status'),
      `${hsds}/namespaces/n/hotstandbydeployments/a/status`,
      'hotstandbydeployments/status',
    ],
    [paths.hsdDiscovery, hsds, 'discovery'],
    [paths.deployments.one('n', 'a', 'scale'), '/apis/apps/v1/namespaces/n/deployments/a/scale', 'deployments/scale'],
    [paths.replicaSets.list('n'), '/apis/apps/v1/namespaces/n/replicasets', 'replicasets'],
    [paths.pods.list(), '/api/v1/pods', 'pods'],
    [paths.pods.one('n', 'a'), '/api/v1/namespaces/n/pods/a', 'pods'],
    [paths.nodes(), '/api/v1/nodes', 'nodes'],
    [paths.nodes('x'), '/api/v1/nodes/x', 'nodes'],
    [paths.events.list('n'), '/apis/events.k8s.io/v1/namespaces/n/events', 'events'],
    [paths.leases.one('n', 'a'), '/apis/coordination.k8s.io/v1/namespaces/n/leases/a', 'leases'],
    [
      paths.podDisruptionBudgets.one('n', 'a'),
      '/apis/policy/v1/namespaces/n/poddisruptionbudgets/a',
      'poddisruptionbudgets',
    ],
    [
      paths.selfSubjectAccessReviews,
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      'selfsubjectaccessreviews',
    ],
    ['/readyz', '/readyz', 'other'],
  ];

  test.each(cases)('%s', (path, want, resource) => {
    expect(path).toBe(want);
    expect(resourceOf(path)).toBe(resource);
  });

  test('names cannot leave their place in the path', () => {
    expect(paths.pods.one('a/b', '../x?y')).toBe('/api/v1/namespaces/a%2Fb/pods/..%2Fx%3Fy');
  });
});
