import { createServer } from 'node:net';
import { systemRng } from '@berth/kit';

/** Below what the kernel gives connections and listeners that name no port (ip_local_port_range), and beside NodePorts. */
const first = 20_000;
const count = 10_000;

/** A port of this machine that nobody listens at, nor comes to by chance until it is listened at, now or again. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + Math.floor(systemRng.next() * count);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
