"""Runs the tests and prints a line of JSON for each that ends."""

import json
import sys
import traceback
import unittest


class Lines(unittest.TestResult):
    def report(self, test, passed, output=""):
        name = test.id().rsplit(".", 1)[-1].split(" ")[0]
        print(json.dumps({"name": name, "passed": passed, "output": output}), flush=True)

    def addSuccess(self, test):
        self.report(test, True)

    def addFailure(self, test, error):
        self.report(test, False, "".join(traceback.format_exception(*error)))

    def addError(self, test, error):
        self.addFailure(test, error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.report(test, False, f"{subtest}: " + "".join(traceback.format_exception(*error)))


result = Lines()
unittest.defaultTestLoader.loadTestsFromName(sys.argv[1]).run(result)
