export declare function fetchAgain<T>(what: string, fetch: () => T, pause?: (what: string, seconds: number) => void): T;
