"""An instruction that loads memory into the cache of the processor before it is read."""

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def prefetch(typing_context, array, i, j):
    """Begin to load the cache line that contains element ``[i, j]`` of an array."""

    def generate(context, builder, signature, arguments):
        array_type = signature.args[0]
        struct = context.make_array(array_type)(context, builder, arguments[0])
        pointer = cgutils.get_item_pointer(
            context, builder, array_type, struct, arguments[1:], wraparound=False
        )
        byte_pointer, int32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte_pointer, int32, int32, int32]),
            "llvm.prefetch.p0i8",
        )
        read, keep_in_cache, data = (ir.Constant(int32, flag) for flag in (0, 3, 1))
        builder.call(function, [builder.bitcast(pointer, byte_pointer), read, keep_in_cache, data])
        return context.get_dummy_value()

    return numba.types.void(array, numba.types.intp, numba.types.intp), generate
