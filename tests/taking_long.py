"""Of tests of many cases those that take long and show little more: run by ``pytest --whole``."""

import re

LONG = re.compile(
    # On the stand-in, and some on array-api-strict, where each of these takes half a minute.
    r"test_a_sweep_is_its_single_runs\[cupy-hals-5\]"
    r"|test_in_float32_momentum_lasts_near_convergence\[(cupy|strict|torch)\]"
    r"|test_an_exact_fit_is_reached\[cupy\]"
    r"|test_a_run_of_a_sweep_is_a_run_alone\[(cupy|strict)-5\]"
    r"|test_extrapolated_they_give_what_single_launches_give\[10\]"
    r"|test_with_penalties_the_objective_never_rises\[(cupy|strict)\]"
    r"|(test_float32|test_parity|test_the_error_never_increases)\[cupy-hals-5\]"
    r"|test_they_give_what_single_launches_give\[(hals|mu)-5-10-.*\]"
    r"|test_replayed_graphs_give_what_single_launches_give\[(0\.8|3)-.*\]"
    r"|test_a_chunk_takes_twelve_calls_of_the_host_at_most\[(hals|mu)-5\]"
    r"|test_each_run_of_a_sweep_stops_by_itself\[cupy\]"
    r"|test_the_pair_is_feasible_and_its_error_is_the_one_that_was_recorded\[cupy-5-float32\]"
    # On array-api-strict the same, and in float32 what float64 has shown.
    r"|test_the_pair_is_feasible_and_its_error_is_the_one_that_was_recorded\[(strict-.*|jax-.*32)\]"
    r"|test_the_peak_is_within_the_plan\[(?!dense-|ratings-).*-float32\]"
    # What JAX takes long to compile, or compiles for each of many shapes.
    r"|test_errors_never_increase\[jax\]"
    r"|test_arrays_of_other_libraries_and_their_weights_give_the_same\[jax.numpy\]"
    r"|test_factors_are_non_negative_and_zeros_stay\[jax\]"
    r"|test_packed_runs_are_single_runs\[jax-options[12]\]"
    r"|test_shuffle_takes_the_orders_that_theirs_draws\[jax-0\.001-.*\]"
    r"|test_the_accelerated_gradient_approaches_the_exact_solution\[jax\]"
    r"|test_zero_is_projected_to_zero\[jax\]"
    r"|test_a_rank_above_that_of_A_is_no_matter\[jax\]"
    r"|test_transform_agrees_with_fit_transform\[jax-penalized-.*\]"
    # A thousand iterations of 500 CryptoPunks at rank 256, for each backend; ranks 16 and 64 stay.
    r"|test_punks_in_float64\[.*-256\]"
    r"|test_errors_are_the_residuals_on_punks\[.*-(256-.*|64-float32)\]"
    # Of 500 CryptoPunks what is shown of sprites too.
    r"|test_results_are_those_of_single_runs_on_punks"
    # Of the data sets of known rank one of each kind stays; of kinds of runs, NumPy's.
    r"|test_the_rank_of_the_truth_is_chosen_and_1_of_pure_noise\[.*-[12]\]"
    r"|test_of_every_kind_of_run\[(jax-(missing|weights|dtype)|(torch|strict)-.*)\]"
    # Of several ways to the same end one stays: the others have more of what takes long.
    r"|test_after_a_fault_nothing_is_lost_and_the_same_work_ends_alike\[(fit|merge|study) command\]"
    r"|test_unusual_studies_work\[options1\]"
    r"|test_a_stack_is_studied_on_the_scale_of_its_largest_value\[(u2-2|f8-5|f4-1)\]"
    # What other backends, ranks or dtypes show beside them.
    r"|test_packed_runs_equal_single_runs_on_punks\[torch\]"
    r"|test_sprites_in_float64\[(numpy|jax)-32\]"
    r"|test_scaling_the_matrix_scales_the_fit\[jax-float32-12\]"
    r"|test_the_whole_of_it_on_the_host\[jax-float32\]"
    r"|test_results_do_not_depend_on_where_chunks_end\[torch-3\]"
    r"|test_punks_in_float64\[torch-16\]"
    # 60 runs of 800 cells and genes by cNMF itself; 12 small ones stay.
    r"|test_a_large_object_gives_what_cnmf_gives"
)
"""The names of these tests."""
