/** `understudy witness`: the same daemon, on a machine that must have nothing but votes. */
import { CodedError } from '../api/errors.ts';
import { loadConfig } from './config/load.ts';

/** Throws a CodedError when the node of the file is a member or a proxy, or has no vote: somebody took the wrong file. */
export function requireWitness(configPath: string): void {
  const { control, reactor } = loadConfig(configPath);
  const { node, groups, proxied } = control;
  const parts = [...groups, ...proxied].map(({ name }) => name);
  if (parts.length > 0) {
    throw new CodedError(
      'configInvalid',
      `${node} has a part in ${parts.join(', ')}, so it is more than a witness`,
      'use understudy run, or set node: to the witness',
    );
  }
  if (reactor.engine.witnessed.length === 0) {
    throw new CodedError(
      'configInvalid',
      `${node} is the witness of no group`,
      `write policy: strict and witness: ${node} into a group`,
    );
  }
}
