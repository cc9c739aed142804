/**
 * Names of operation attributes that tfjs-node's kernels and our traced steps pass to the native binding.
 *
 * The binding keeps every name it has seen in one unlocked set for the whole process, so the first use of a name is a
 * data race between threads. The first thread to start writes all of these; a test compares them with tfjs-node's code.
 */
export const attributeNames: readonly string[] = (
  'N T Tidx Tlen Tout Truncate acceptable_fraction adj_x adj_y align_corners alpha axis batch_dims begin_mask beta bias block_size channels ' +
  'chroma_downsampling compression container data_format dct_method density_unit depth_radius dilations ellipsis_mask end_mask epsilon equation ' +
  'exclusive explicit_paddings extrapolation_value fancy_upscaling format half_pixel_centers index_type is_training keep_dims ksize method mode ' +
  'new_axis_mask num num_split optimize_size pad_to_max_output_size padding pattern progressive quality rates ratio replace_global reverse rewrite ' +
  'seed shared_name shrink_axis_mask sorted strides transpose_a transpose_b try_recover_truncated use_cudnn_on_gpu validate_indices x_density ' +
  'xmp_metadata y_density ' +
  // Variables of more than one file, and operations called by name: resource variables, optimizers, tables, hashing.
  'DstT SrcT Tblock_shape Tcomplex Tcond Tcrops Tdim Tdims Tfft_length Tin Tindex Tindices Tmultiples Tnumsegments Tpaddings Tparams Tperm Treal ' +
  'Tshape Tsegmentids Taxis TI U Index dtype element_dtype element_shape full_matrices compute_uv fft_length maxSplit out_type output_type ' +
  'reduction_indices seed2 shape size step use_locking use_nesterov update_slots value_dtype key_dtype use_node_name_sharing allowed_devices ' +
  'num_buckets narrow_range num_bits swap_memory validate_shape value_shape max_num_buckets max_load_factor empty_key errors src_encoding output_dtype T_threshold out_idx'
).split(/\s+/);
