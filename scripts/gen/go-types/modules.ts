import { homedir } from 'node:os';
import { join } from 'node:path';

/** A Go module cache's k8s.io folder. */
export const modules = process.env['GO_MODULES'] ?? join(homedir(), 'go/pkg/mod/k8s.io');
/** The libraries' release that goes with the facts. */
export const release = '0.36.3';
