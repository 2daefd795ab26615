/** Runs inside the namespace (`kernel.ts`), and writes what it finds as JSON. */
import { examineSockets } from './sockets.ts';
import { examineTunnels } from './tunnels.ts';

const { device, findings } = examineTunnels();
if (device !== undefined) {
  const { examineFence } = await import('./fence.ts');
  findings.push(...examineFence(device));
}
findings.push(...(await examineSockets(device)));
process.stdout.write(JSON.stringify(findings));
