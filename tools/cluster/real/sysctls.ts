/**
 * Settings that the kubelet writes and that hold for the whole machine: no namespace has its own. A node sees a file
 * with the kubelet's value in place of each, so the machine's values never change and need no restoring
 * (k8s.io/component-helpers/node/util/sysctl names them; `protectKernelDefaults` off makes the kubelet write them).
 */
export const SHIELDED_SYSCTLS: Readonly<Record<string, string>> = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
};
