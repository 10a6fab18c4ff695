import type { Duplex } from 'node:stream';

/** Calls `act` once, right before anything is written to a connection, whoever writes it. */
export function beforeFirstWrite(socket: Duplex, act: () => void): void {
  const { write, end } = socket;
  const begun = () => {
    Object.assign(socket, { write, end });
    act();
    return socket;
  };
  socket.write = (...given: unknown[]) => begun().write(...(given as Parameters<typeof write>));
  socket.end = (...given: unknown[]) => begun().end(...(given as Parameters<typeof end>));
}
