from asiarch.codegen.plan import Unsupported
def print_attend(module, node):
    raise Unsupported("attend pending")
