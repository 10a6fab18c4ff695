import type { IncomingHttpHeaders } from 'node:http';
import type { RequestInfo } from '../request-info.ts';
import type { User } from '../user.ts';

/** A request as its audit sees it. */
export interface AuditSubject {
  readonly info: RequestInfo;
  /** Undefined: nobody is known. */
  readonly user: User | undefined;
  readonly uri: string;
  readonly headers: IncomingHttpHeaders;
  readonly address: string | undefined;
}
