/** What a configuration asks of this machine, beside its network: its own validity, the state directory, the socket. */
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { CodedError } from '../../api/errors.ts';
import type { Finding } from '../../api/finding.ts';
import { findInterface } from '../../linux/interfaces.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { tunDevice } from '../devices.ts';
import { systemWords } from '../errors.ts';
import { ownerOf } from '../state/lock.ts';
import { missing, ok, reduced } from './finding.ts';

/** `statfs` type of a file system in memory (`linux/magic.h`). */
const TMPFS_MAGIC = 0x01021994;

export interface Examined {
  /** Undefined: the file has problems. */
  readonly config: LoadedConfig | undefined;
  readonly findings: Finding[];
}

export function examineConfiguration(path: string): Examined {
  try {
    const config = loadConfig(path);
    const warned = config.warnings.map((warning) =>
      reduced('configuration', warning, 'valid all the same', 'do what it says'),
    );
    const { node, cluster } = config.control;
    return { config, findings: [ok('configuration', `${node} of cluster ${cluster}`), ...warned] };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const lines = error.message.split('\n');
    const problems = lines.map((line) => missing('configuration', line, error.remedy));
    return { config: undefined, findings: problems };
  }
}

/** Whether a daemon of this configuration runs, or another one has taken its place. */
export function examinePlace({ control, reactor }: LoadedConfig): Finding[] {
  const owner = ownerOf(control.stateDir);
  const device = tunDevice(reactor.instance);
  if (owner !== undefined)
    return [ok('daemon', `runs as process ${owner}`), stateDirectory(control.stateDir)];
  const taken = findInterface(device) !== undefined;
  return [
    taken
      ? missing(
          'daemon',
          `another daemon of this cluster and node runs here: it has the device ${device}, but not ${control.stateDir}`,
          'stop it first, or give this one a node of its own',
        )
      : ok('daemon', 'none of this node runs here'),
    stateDirectory(control.stateDir),
    writable('socket', dirname(control.socket), 'control'),
  ];
}

function stateDirectory(path: string): Finding {
  const finding = writable('state directory', path, 'stateDir');
  if (finding.state !== 'ok') return finding;
  const { type, bavail } = statfsSync(existing(path));
  if (bavail === 0) return missing('state directory', `${path}: the disk is full`, 'make room on it');
  if (type !== TMPFS_MAGIC) return finding;
  return reduced(
    'state directory',
    `${path} is in memory`,
    'after a reboot terms are used again that no peer may remember',
    'name a directory on a disk in stateDir',
  );
}

/** What does not exist yet is made by the daemon. */
function writable(name: string, path: string, setting: string): Finding {
  const there = existing(path);
  try {
    accessSync(there, constants.W_OK | constants.X_OK);
    return ok(name, there === path ? path : `${path} can be made`);
  } catch (error) {
    const why = `${there} cannot be written: ${systemWords(error)}`;
    return missing(name, why, `check its owner and mode, or name another in ${setting}`);
  }
}

function existing(path: string): string {
  let there = path;
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
  return there;
}
