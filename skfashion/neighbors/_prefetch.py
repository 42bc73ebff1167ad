"""Asking the processor for memory that is read soon."""

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def prefetch(typing_context, array, i, j):
    """Begin to load element ``[i, j]`` of an array, and what lies in the same cache line."""

    def generate(context, builder, signature, arguments):
        array_type = signature.args[0]
        made = context.make_array(array_type)(context, builder, arguments[0])
        at = cgutils.get_item_pointer(
            context, builder, array_type, made, arguments[1:], wraparound=False
        )
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, number, number, number]),
            "llvm.prefetch.p0i8",
        )
        read, keep_in_cache, data = (ir.Constant(number, flag) for flag in (0, 3, 1))
        builder.call(function, [builder.bitcast(at, byte), read, keep_in_cache, data])
        return context.get_dummy_value()

    return numba.types.void(array, numba.types.intp, numba.types.intp), generate
