import { text } from 'node:stream/consumers';
import { runMountHelper } from '../../../csi-driver/src/nfs-mount-helper.ts';

// What the driver starts for each mount of a share; the whole program takes seconds to start in a guest.
process.stdout.write(`${runMountHelper(await text(process.stdin))}\n`);
