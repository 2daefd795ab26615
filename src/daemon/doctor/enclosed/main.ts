/** Runs inside the namespace (`kernel.ts`), and writes what it finds as JSON. With the word `mirrors`, a relay is wanted. */
import { examineMirroring } from './mirroring.ts';
import { examineSockets } from './sockets.ts';
import { examineTunnels } from './tunnels.ts';

const { device, findings } = examineTunnels();
if (device !== undefined) {
  const { examineFence } = await import('./fence.ts');
  findings.push(...examineFence(device));
}
findings.push(...examineMirroring(device, process.argv.includes('mirrors')));
findings.push(...(await examineSockets(device)));
process.stdout.write(JSON.stringify(findings));
