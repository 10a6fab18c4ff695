import { resolve } from 'node:path';

/** What gRPC is to connect to: a path, also a relative one, is a socket's. @throws Error – it names none. */
export function csiEndpoint(address: string): string {
  // What follows two slashes is a host by gRPC's rules, and never a socket.
  if (address === '' || /^unix:\/\/([^/]|$)/.test(address))
    throw new Error(`"${address}" is no socket: write a path, or unix:///path`);
  return /^[a-z]+:/.test(address) ? address : `unix://${resolve(address)}`;
}
