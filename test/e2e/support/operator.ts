import { type OperatorSettings, OperatorProcess as Program } from '../../../tools/base/operator-process';
import { runInfo } from './run-info';

export interface OperatorOptions extends Partial<OperatorSettings> {
  /** Default command line: watches this namespace only. */
  namespace?: string;
  kubeconfig?: string;
}

/** The real operator as a process of its own, by default that of the sources here on the run's cluster. */
export class OperatorProcess extends Program {
  static spawn({ namespace, kubeconfig, program, args, env }: OperatorOptions): OperatorProcess {
    const info = runInfo();
    const scope = namespace === undefined ? ['--all-namespaces'] : ['--namespace', namespace];
    const usual = ['--kubeconfig', kubeconfig ?? info.operatorKubeconfig, ...scope, '--health-address', '127.0.0.1:0'];
    return new OperatorProcess({
      program: program ?? info.operator,
      args: args ?? usual,
      env: { HOTSTANDBY_ALLOW_LOOPBACK_PODS: 'true', ...env },
    });
  }

  /** Starts one and waits until its caches are filled. */
  static start(options: OperatorOptions): Promise<OperatorProcess> {
    return OperatorProcess.spawn(options).whenReady();
  }
}
