import type { Readable, Writable } from 'node:stream';
import type { Status } from '@berth/kube';

/** What the client wants connected, from the query of exec and attach. */
export interface WantedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** The client's ends of a command, whichever protocol carries them. */
export interface RemoteStreams {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly resizes?: AsyncIterable<TerminalSize>;
  /** Says how it ended, after all output, and closes the connection. */
  finish(status: Status): Promise<void>;
}
